import { readFileSync } from "node:fs";
import { type MessageFormatElement, parse, TYPE } from "@formatjs/icu-messageformat-parser";
import { describe, expect, it } from "vitest";
import type { Catalog } from "../../../app/messages/catalog";
import { onto, wordsIn } from "../../../app/messages/catalogs.server";
import { LANGUAGES } from "../../../app/messages/languages";
import { madeFiles, readCatalog } from "../../../catalogs.mjs";
import { readCheckout } from "../../support/house-rules";

/** Every message by its key, such as `portal.set.heading`. */
function messagesOf(catalog: unknown, path = ""): Map<string, string> {
  if (typeof catalog === "string") return new Map([[path.slice(1), catalog]]);
  return new Map(
    Object.entries(catalog as object).flatMap(([key, value]) => [
      ...messagesOf(value, `${path}.${key}`),
    ]),
  );
}

/**
 * What a message is given: `{count}` of a plural, `<link>`, `{name}`.
 *
 * @param chosen which option of each select is said, all of them where it is left out
 */
function argumentsOf(message: string, chosen?: number): string[] {
  const found = new Set<string>();
  const walk = (elements: MessageFormatElement[]) => {
    for (const element of elements) {
      if (element.type === TYPE.literal || element.type === TYPE.pound) continue;
      found.add(`${TYPE[element.type]} ${element.value}`);
      if (element.type === TYPE.tag) walk(element.children);
      if (element.type === TYPE.plural || element.type === TYPE.select)
        for (const [at, option] of Object.values(element.options).entries())
          if (element.type === TYPE.plural || chosen === undefined || at === chosen)
            walk(option.value);
    }
  };
  walk(parse(message));
  return [...found].sort();
}

/** What each select of a message can be given, by its name. */
function optionsOf(message: string): Map<string, string[]> {
  const found = new Map<string, string[]>();
  const walk = (elements: MessageFormatElement[]) => {
    for (const element of elements)
      if (element.type === TYPE.select) found.set(element.value, Object.keys(element.options));
  };
  walk(parse(message));
  return found;
}

const english = messagesOf(readCatalog("en"));

/**
 * The keys that the sources name. Where a part of one is computed, `portal.refusal.${name}.heading`, it
 * stands for every name there is; the compiler sees to those that there are not.
 */
function keysNamedIn(texts: Iterable<string>): Set<string> {
  const named = new Set<string>();
  for (const text of texts)
    for (const [, key = ""] of text.matchAll(/["'`](\w+(?:\.(?:[\w-]|\$\{[^}]+\})+)+)["'`]/g)) {
      const parts = key.split(/\$\{[^}]+\}/).map((part) => part.replaceAll(".", "\\."));
      const pattern = new RegExp(`^${parts.join("[\\w.-]+")}$`);
      for (const known of english.keys()) if (pattern.test(known)) named.add(known);
    }
  return named;
}

const sources = [...readCheckout()].filter(([file]) => /^(app|emails)\/.*\.tsx?$/.test(file));

describe("the catalogs", () => {
  it("hold nothing that no page and no mail says", () => {
    const named = keysNamedIn(
      sources.filter(([file]) => file !== "app/messages/catalog.ts").map(([, text]) => text),
    );
    expect([...english.keys()].filter((key) => !named.has(key))).toEqual([]);
  });

  it("send to the browser whatever hydrated pages say", () => {
    const config = readFileSync("vite.config.ts", "utf8");
    const kept: string[] = /SERVER_ALONE = \[(.*?)\]/.exec(config)?.[1]?.match(/\w+/g) ?? [];
    expect(kept).toContain("portal");
    const hydrated = sources.filter(([file]) =>
      /^app\/(components|console|routes\/admin)(?!.*\.server\.)/.test(file),
    );
    const named = keysNamedIn(hydrated.map(([, text]) => text));
    expect([...named].filter((key) => kept.includes(key.split(".")[0] ?? ""))).toEqual([]);
  });

  it.each(Object.entries(madeFiles()))("are what English makes of them: %s", (name, text) => {
    // Else: npm run messages
    expect(readFileSync(`app/messages/${name}`, "utf8")).toBe(text);
  });

  it.each(LANGUAGES.filter((language) => language !== "en"))(
    "are complete, with the same arguments: %s",
    (language) => {
      const others = messagesOf(readCatalog(language));
      expect([...others.keys()].sort()).toEqual([...english.keys()].sort());
      for (const [key, message] of others)
        expect(argumentsOf(message), key).toEqual(argumentsOf(english.get(key) ?? ""));
    },
  );

  it("fill in every argument in every language, whatever a select chooses", () => {
    for (const language of LANGUAGES)
      for (const [key, message] of english) {
        const selects = optionsOf(message);
        const most = Math.max(1, ...[...selects.values()].map((options) => options.length));
        for (let chosen = 0; chosen < most; chosen++) {
          const values = Object.fromEntries(
            argumentsOf(message).map((argument) => {
              const [type, name = ""] = argument.split(" ");
              if (type === "tag") return [name, (text: string) => `«${text}»`];
              if (type === "select") return [name, selects.get(name)?.[chosen] ?? "other"];
              return [name, type === "plural" || type === "number" ? 72 : `${name}!`];
            }),
          );
          const text = (wordsIn(language).markup as (key: string, values: object) => string)(
            key,
            values,
          );
          expect(text, `${key} in ${language}`).not.toMatch(/[{}<>]/);
          for (const argument of argumentsOf(message, chosen))
            if (argument.startsWith("argument ")) expect(text).toContain(values[argument.slice(9)]);
        }
      }
  });
});

describe("a text", () => {
  const words = wordsIn("en");

  it("is written as its language counts", () => {
    expect(words("portal.refusal.wrongPin", { count: 1 })).toContain("1 attempt left");
    expect(wordsIn("de")("portal.refusal.wrongPin", { count: 2 })).toContain("2 Versuche");
  });

  it("does not compile without its key, nor without its arguments", () => {
    // Never called: the compiler reads it.
    const wrong = () => [
      // @ts-expect-error there is no such key
      words("portal.set.nothing"),
      // @ts-expect-error the count is missing
      words("portal.refusal.wrongPin"),
      // @ts-expect-error the count is a number
      words("portal.refusal.wrongPin", { count: "1" }),
      // @ts-expect-error the link is missing
      words.rich("shared.questions", { contact: "help@example.org" }),
    ];
    expect(wrong).toBeTypeOf("function");
  });

  it("is taken as it is where somebody else wrote part of it", () => {
    const description = "Use '{'digits'}' <b>or</b> {0}";
    expect(words("portal.problem.policy", { description })).toContain(description);
  });
});

describe("a language whose translators are not done", () => {
  it("says the rest in English", () => {
    const begun = { portal: { set: { heading: "Passwort gesetzt" } } };
    const filled = onto(readCatalog("en"), begun) as Catalog;
    expect(filled.portal.set.heading).toBe("Passwort gesetzt");
    expect(filled.portal.form.submit).toBe("Set password");
    expect([...messagesOf(filled).keys()]).toEqual([...english.keys()]);
  });
});
