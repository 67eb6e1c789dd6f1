/** With less time left than this, in ms, no further attempt begins: it could not answer in time. */
export const MIN_TIME = 200
