/** SQLSTATE codes. https://www.postgresql.org/docs/current/errcodes-appendix.html */
export const NO_TABLE = '42P01'
export const NO_PRIVILEGE = '42501'
/** Also reported for a row that no partition takes. */
export const CHECK_VIOLATION = '23514'

/** The SQLSTATE of an error, or the system's code; empty for others. */
export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : ''
}

/** Whether a value is refused, now and for ever. */
export function isDataError(error: unknown): boolean {
  return /^2[23]...$/.test(codeOf(error)) && codeOf(error) !== CHECK_VIOLATION
}
