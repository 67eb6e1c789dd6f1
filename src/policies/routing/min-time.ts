/** With less time left than this, in ms, no further attempt is begun: it could not answer. */
export const MIN_TIME = 200
