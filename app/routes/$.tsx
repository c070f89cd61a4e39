/** Every address that no other route takes: with a route of its own, the page knows its own name. */
export function loader(): never {
  throw new Response(null, { status: 404, statusText: "Not Found" });
}

export const action = loader;

export default function NoSuchPage() {
  return null;
}
