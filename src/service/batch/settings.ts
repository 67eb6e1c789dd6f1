/** Requests of batches that are processed at once. */
export const defaultBatchSettings = {
  /** Of each batch. */
  parallel: 8,
  /** Of all batches of one caller. */
  parallelPerCaller: 16,
}

export type BatchSettings = Readonly<typeof defaultBatchSettings>
