import { statfsSync } from 'node:fs'

/** Magic numbers of file systems that are reached over a network, or may be. https://man7.org/linux/man-pages/man2/statfs.2.html */
const NETWORK_FILE_SYSTEMS: ReadonlySet<number> = new Set([
  0x6969, // NFS
  0x517b, // SMB
  0xfe534d42, // SMB 2
  0xff534d42, // CIFS
  0x65735546, // FUSE
  0x01021997, // 9p
  0x00c36400, // Ceph
  0x5346414f, // AFS
  0x0bd00bd0, // Lustre
  0x47504653, // GPFS
])

/** Whether a folder is on a file system whose writes may take long at any time. */
export function isOnNetworkFileSystem(folder: string): boolean {
  return NETWORK_FILE_SYSTEMS.has(statfsSync(folder).type >>> 0)
}
