import { GCProfiler, type GCProfilerResult } from 'node:v8'

/*
 * Loaded into a server before its own code: reports, when it is asked, the CPU time that the process has taken, and what
 * the collector did between `start` and `stop`. Objects that outlive the young generation without being of use are the
 * dearest garbage, and no profile by function shows them.
 */

let profiler: GCProfiler | undefined

process.on('message', (question) => {
  if (question === 'cpu') {
    const { user, system } = process.cpuUsage()
    process.send?.({ cpu: user + system })
  } else if (question === 'start') {
    profiler = new GCProfiler()
    profiler.start()
    process.send?.({})
  } else if (question === 'stop' && profiler) {
    process.send?.(garbageOf(profiler.stop()))
    profiler = undefined
  }
})
process.on('disconnect', () => process.exit())
// The server must be able to end although it can be asked.
process.channel?.unref()

/** The pauses of the collector in microseconds, and the bytes that it moved into the old space. */
function garbageOf({ statistics }: GCProfilerResult) {
  let pause = 0
  let survived = 0
  for (const { gcType, cost, beforeGC, afterGC } of statistics) {
    pause += cost
    if (gcType === 'Scavenge') survived += oldSpace(afterGC) - oldSpace(beforeGC)
  }
  return { pause, survived }
}

function oldSpace({ heapSpaceStatistics }: GCProfilerResult['statistics'][number]['afterGC']): number {
  return heapSpaceStatistics.find(({ spaceName }) => spaceName === 'old_space')?.spaceUsedSize ?? 0
}
