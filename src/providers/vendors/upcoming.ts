/**
 * Vendors whose variables are found in environments already, and whose kinds are yet to come: an operator is told that
 * they are not used. An entry whose kind has come since means nothing.
 */
export const upcoming: readonly { readonly kind: string; readonly variables: readonly string[] }[] = [
  { kind: 'vertex', variables: ['GOOGLE_PROJECT_ID'] },
]
