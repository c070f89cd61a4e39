import type { ReactElement } from "react";
import type { Brand } from "../../app/config/config.server";
import type { Catalog } from "../../app/messages/catalog";
import type { Language } from "../../app/messages/languages";
import type { Words } from "../../app/messages/words";
import type { MailTemplate } from "../../db/mails.store";
import type { MailProps } from "../mail-content";

/** Who writes, and in which language. */
export interface Letter {
  readonly brand: Brand;
  readonly language: Language;
  readonly words: Words;
}

type Named = {
  [Name in keyof Catalog["mail"]]: Catalog["mail"][Name] extends { subject: string } ? Name : never;
}[keyof Catalog["mail"]];

/** How one kind of mail is worded: the same words become HTML and plain text. */
export interface MailWording<Template extends MailTemplate> {
  /** In the catalogs, which have its subject (one line without secrets), heading, preview and intro. */
  readonly name: Named;
  /** Owners of accounts, or those who look after them, who are not told to ask the support. */
  readonly audience: "user" | "staff";
  /** @returns what those texts say beside the service's name */
  values?(props: MailProps[Template]): { user?: string; count?: number; reminder?: "yes" | "no" };
  /** What follows the intro. */
  body(props: MailProps[Template], letter: Letter): ReactElement;
}
