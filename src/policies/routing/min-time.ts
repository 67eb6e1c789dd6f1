/** With less time left than this, in ms, no further attempt is begun: it could not answer. */
export const LEAST_TIME = 200
