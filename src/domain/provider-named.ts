import type { Provider } from './ports/provider.ts'

/** The provider that is called so: by its own name, else by another one. */
export function providerNamed(providers: readonly Provider[], name: string): Provider | undefined {
  const own = providers.find((provider) => provider.name === name)
  return own ?? providers.find(({ alsoKnownAs }) => alsoKnownAs?.includes(name))
}
