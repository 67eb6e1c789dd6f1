/**
 * Vendors that are not supported yet but whose variables may be set: the operator is notified that these are not used.
 * An entry has no effect once its kind exists.
 */
export const upcoming: readonly { readonly kind: string; readonly variables: readonly string[] }[] = [
  { kind: 'vertex', variables: ['GOOGLE_PROJECT_ID'] },
]
