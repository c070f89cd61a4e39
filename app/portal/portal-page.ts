import type { LinkView } from "../links/view-link.server";
import type { PasswordRule, ScriptWords } from "./password-words";
import type { RefusalWords } from "./refusal-words";

/** What the portal shows, in one value: the loader makes it for a GET, the action for a POST. */
export type PortalPage =
  | {
      view: "form";
      /** The link token; the form carries it, so that no address has to. */
      token: string;
      link: LinkView;
      /** What the password has to be, told before anything is typed. */
      rules: readonly PasswordRule[];
      /** What the page's script says. */
      scriptWords: ScriptWords;
      errors?: PortalErrors;
      /** Nothing in the form was wrong, and yet no password was set. */
      notice?: { heading: string; message: string };
    }
  | { view: "set"; userName: string | null; domainName: string | null }
  | ({ view: "end" } & Extract<RefusalWords, { form: false }>);

export type PortalErrors = Partial<Record<"pin" | "password" | "confirm_password", string>>;
