/** Requests of batches that are processed at once. */
export const defaultBatchSettings = {
  /** Limit of each batch. */
  parallel: 8,
  /** Limit of all batches of one caller together. */
  parallelPerCaller: 16,
}

export type BatchSettings = Readonly<typeof defaultBatchSettings>
