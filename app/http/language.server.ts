import { createCookie } from "@remix-run/node";
import type { Request, Response } from "express";
import type { Config } from "../config/config.server";
import { isLanguage, type Language } from "../messages/languages";

const YEAR_SECONDS = 31_536_000;

/**
 * The language of the answer: `?lang`, which a cookie keeps from then on; that cookie; the browser's
 * `Accept-Language`; DEFAULT_LANGUAGE. Only one that LANGUAGES offers.
 */
export async function chooseLanguage(
  request: Request,
  response: Response,
  config: Pick<Config, "languages" | "defaultLanguage" | "publicUrl">,
): Promise<Language> {
  const { languages, defaultLanguage, publicUrl } = config;
  const offered = (tag: unknown) => (isLanguage(tag) && languages.includes(tag) ? tag : undefined);
  const cookie = createCookie("setpass-language", {
    httpOnly: true,
    secure: publicUrl.protocol === "https:",
    maxAge: YEAR_SECONDS,
  });
  const asked = offered(request.query.lang);
  if (asked) response.append("Set-Cookie", await cookie.serialize(asked));
  const kept = asked ?? offered(await cookie.parse(request.get("Cookie") ?? null));
  if (kept) return kept;
  const preferred =
    request.get("Accept-Language") === undefined
      ? undefined
      : offered(request.acceptsLanguages(defaultLanguage, ...languages));
  return preferred ?? defaultLanguage;
}
