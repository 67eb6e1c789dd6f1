import { ownJournal } from '../../src/stores/ledger/journal/folder/folder-lock.ts'

/** A process that owns a sub-folder of the folder it is given, and says which, until it is killed. */
process.stdout.write(ownJournal(process.argv[2] ?? '').folder)
setInterval(() => {}, 1_000)
