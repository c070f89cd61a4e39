import { useNonce } from "./render-context";

/**
 * Puts another address into the browser's bar and history, for a page without hydration: a secret leaves
 * them, and a reload of what answers a form asks for the page, and does not send the form again. Without
 * a script nothing happens.
 *
 * @param props.path of this site, fixed
 */
export function ShownAddress({ path }: { path: string }) {
  const nonce = useNonce();
  const script = `history.replaceState(null,"",${JSON.stringify(path)})`;
  // biome-ignore lint/security/noDangerouslySetInnerHtml: a fixed text; React would escape its quotes.
  return <script nonce={nonce} dangerouslySetInnerHTML={{ __html: script }} />;
}
