import { Link } from "@remix-run/react";
import type { ReactNode } from "react";

/** What a tag in a text of the catalogs becomes: `words.rich(key, { users: linkTo("/admin/users") })`. */
export const linkTo = (to: string) => (text: ReactNode) => (
  <Link className="link" to={to}>
    {text}
  </Link>
);

/** For those who hear the page. */
export const hidden = (text: ReactNode) => <span className="sr-only">{text}</span>;

export const address = (text: ReactNode) => <span className="wrap-anywhere">{text}</span>;
