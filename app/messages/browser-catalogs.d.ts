/** Made by the build: see `browserCatalogs` in vite.config.ts. */
declare module "virtual:browser-catalogs" {
  /** Where each language's catalog is, for hydrated pages: less what the server alone says. */
  const addresses: Record<import("./languages").Language, string>;
  export default addresses;
}
