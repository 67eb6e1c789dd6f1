import type { Provider } from './ports/provider.ts'

/** The provider with this name, or else with this alternative name. */
export function providerNamed(providers: readonly Provider[], name: string): Provider | undefined {
  const own = providers.find((provider) => provider.name === name)
  return own ?? providers.find(({ alsoKnownAs }) => alsoKnownAs?.includes(name))
}
