/**
 * Vendors whose variables are found in environments already, and whose kinds are yet to come: an operator is told that
 * they are not used. An entry whose kind has come since means nothing.
 */
export const upcoming: readonly { readonly kind: string; readonly variables: readonly string[] }[] = [
  { kind: 'anthropic', variables: ['ANTHROPIC_API_KEY', 'ANTHROPIC_MODEL'] },
  { kind: 'gemini', variables: ['GEMINI_API_KEY', 'GEMINI_MODEL', 'GOOGLE_API_KEY', 'GOOGLE_PROJECT_ID'] },
  { kind: 'ollama', variables: [] },
]
