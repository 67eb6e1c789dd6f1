/** Setup of every project: a worker ends when the test runner is gone, even after a SIGKILL, and its children with it. */
function endNow(): void {
  process.exit(1)
}

// A worker of the unit project runs this once for each file.
if (!process.listeners('disconnect').some(({ name }) => name === endNow.name)) process.once('disconnect', endNow)
