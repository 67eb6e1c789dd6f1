import { ChildProcess } from 'node:child_process'
import { Server, Socket } from 'node:net'

/** Setup of the unit project: a test that opens a socket or starts a process fails. */
const refuse = (what: string) => () => {
  throw new Error(`A unit test ${what}. Move it to test/integration/.`)
}

Server.prototype.listen = refuse('listens on a socket')
Socket.prototype.connect = refuse('connects a socket')
Object.defineProperty(ChildProcess.prototype, 'spawn', { value: refuse('starts a process') })
