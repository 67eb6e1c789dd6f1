/** Minimum time until the deadline for a further attempt, in ms: with less left, it could not respond in time. */
export const MIN_TIME = 200
