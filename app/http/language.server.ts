import { createCookie } from "@remix-run/node";
import type { Request, Response } from "express";
import type { Config } from "../config/config.server";
import type { Language } from "../messages/languages";

const YEAR_SECONDS = 31_536_000;

/**
 * What the reader asks for: `?lang`, which a cookie keeps from then on; that cookie; their browser's
 * `Accept-Language`. Only what LANGUAGES offers.
 *
 * @returns undefined where nobody asks for any of those: then it is the link's, or DEFAULT_LANGUAGE
 */
export async function readAskedLanguage(
  request: Request,
  response: Response,
  { languages, publicUrl }: Pick<Config, "languages" | "publicUrl">,
): Promise<Language | undefined> {
  const offered = (tag: unknown) => languages.find((language) => language === tag);
  const cookie = createCookie("setpass-language", {
    httpOnly: true,
    secure: publicUrl.protocol === "https:",
    maxAge: YEAR_SECONDS,
  });
  const asked = offered(request.query.lang);
  if (asked) response.append("Set-Cookie", await cookie.serialize(asked));
  const kept = asked ?? offered(await cookie.parse(request.get("Cookie") ?? null));
  // What takes any language takes the first that it is offered: one that there is not.
  return kept ?? offered(request.acceptsLanguages("zxx", ...languages));
}
