import { connect, type Socket } from 'node:net'
import { expect, it } from 'vitest'
import { systemClock } from '../../../src/domain/clock.ts'
import { Metrics } from '../../../src/telemetry/metrics/metrics.ts'
import { serveMetrics } from '../../../src/telemetry/metrics/prometheus.ts'
import { eventually } from '../../support/eventually.ts'

it('row 14: 1,500 connections to the metrics port are bounded, and Prometheus is served', async () => {
  const page = await serveMetrics({ producer: new Metrics(systemClock), host: '0.0.0.0', port: 0, version: '1' })
  const sockets: Socket[] = []
  // In batches that fit into the backlog of a listening socket.
  for (let batch = 0; batch < 10; batch++) {
    const connecting = Array.from({ length: 150 }, () => connect(page.port, '127.0.0.1'))
    for (const socket of connecting) socket.on('error', () => {}).resume()
    sockets.push(...connecting)
    await eventually(() => connecting.every((socket) => !socket.connecting))
    expect((await fetch(`http://127.0.0.1:${page.port}/metrics`)).status).toBe(200)
  }
  await eventually(() => sockets.filter(({ destroyed }) => !destroyed).length <= 64)
  const answer = await fetch(`http://127.0.0.1:${page.port}/metrics`)
  expect(answer.status).toBe(200)
  await answer.text()
  for (const socket of sockets) socket.destroy()
  await page.close()
})
