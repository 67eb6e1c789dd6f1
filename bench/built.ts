/** A module of what `npm run build` makes: what is measured is what is shipped. Its types are those of its source. */
export async function built<Module>(path: string): Promise<Module> {
  return (await import(new URL(`../dist/${path}.js`, import.meta.url).href)) as Module
}
