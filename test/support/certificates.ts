import { execFileSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface Certificate {
  /** PEM. */
  readonly key: Buffer
  readonly cert: Buffer
}

/** A certificate that its own key signed, made by openssl for this run; `name` as in `IP:127.0.0.1`. */
export function selfSigned(name: string, days = 2): Certificate {
  const folder = mkdtempSync(join(tmpdir(), 'certificate-'))
  const openssl = (...options: string[]) => execFileSync('openssl', options, { cwd: folder, stdio: 'ignore' })
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', 'key.pem']
  // Authorities are found by their subject, so that no two may share one.
  const subject = ['-subj', `/CN=${randomUUID()}`, '-addext', `subjectAltName=${name}`]
  openssl('req', ...newKey, ...subject, '-out', 'csr.pem')
  // In two steps, because only the second one takes a number of days below 1.
  const request = ['-req', '-in', 'csr.pem', '-signkey', 'key.pem', '-copy_extensions', 'copy']
  openssl('x509', ...request, '-days', String(days), '-out', 'cert.pem')
  const read = (file: string) => readFileSync(join(folder, file))
  const certificate = { key: read('key.pem'), cert: read('cert.pem') }
  rmSync(folder, { recursive: true })
  return certificate
}
