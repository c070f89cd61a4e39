import type { MetaDescriptor } from "@remix-run/node";

/** @returns the title of a page, with the service's name behind it */
export function pageTitle(
  title: string,
  matches: readonly { id: string; data: unknown }[],
): MetaDescriptor[] {
  const root = matches.find(({ id }) => id === "root")?.data as
    | { brand?: { appName?: string } }
    | undefined;
  return [{ title: root?.brand?.appName ? `${title} · ${root.brand.appName}` : title }];
}
