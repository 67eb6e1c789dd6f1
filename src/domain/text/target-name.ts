/** Splits `provider/model`; further slashes belong to the model. */
export function splitTarget(target: string): { readonly provider: string; readonly model: string } {
  const slash = target.indexOf('/')
  return { provider: target.slice(0, slash), model: target.slice(slash + 1) }
}
