/** The database cannot be used until an operator has changed something. The message says what. */
export class SetupError extends Error {
  override readonly name = 'SetupError'
}
