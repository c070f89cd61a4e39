import { useLocation } from "@remix-run/react";
import { NAME_OF_LANGUAGE } from "../messages/languages";
import { useLanguage, useLanguages, useWords } from "./render-context";

/**
 * The same page in another language. A form, which needs no script, keeps what else the address says, and
 * loads the page anew: a hydrated one has the texts of its own language alone.
 *
 * @param props.token the page's own: any other that got into the address is not written into the page too
 */
export function LanguageSwitch({ token }: { token?: string }) {
  const words = useWords();
  const language = useLanguage();
  const languages = useLanguages();
  const { search } = useLocation();
  if (languages.length < 2) return null;
  const kept = [...new URLSearchParams(search)].filter(
    ([name, value]) => name !== "lang" && (name !== "token" || value === token),
  );
  return (
    <form
      method="get"
      aria-label={words("shared.language")}
      className="flex flex-wrap gap-x-5 text-sm"
    >
      {kept.map(([name, value]) => (
        <input key={`${name} ${value}`} type="hidden" name={name} value={value} />
      ))}
      {languages.map((tag) => (
        <button
          key={tag}
          type="submit"
          name="lang"
          value={tag}
          lang={tag}
          aria-current={tag === language ? "true" : undefined}
          className="py-1 text-muted underline-offset-4 hover:underline aria-[current]:font-semibold aria-[current]:text-ink"
        >
          {NAME_OF_LANGUAGE[tag]}
        </button>
      ))}
    </form>
  );
}
