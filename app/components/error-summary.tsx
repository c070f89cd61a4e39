import { useEffect, useRef } from "react";
import { useWords } from "./render-context";

/** What is wrong, by the name of the field it is about. */
export type FieldErrors<Name extends string = string> = Partial<Record<Name, string>>;

/**
 * Says above a form what is wrong in it, and gets the focus: at once with a script, by `autofocus`
 * without.
 *
 * @param props.errors by field name; the entries link to the fields
 * @param props.message where it is the whole form that did not go through
 */
export function ErrorSummary(props: { errors?: FieldErrors; heading?: string; message?: string }) {
  const words = useWords();
  const { errors = {}, message } = props;
  const entries = Object.entries(errors).filter((entry): entry is [string, string] => !!entry[1]);
  const box = useRef<HTMLDivElement>(null);
  // The object is a new one for every answer, also where it says the same again.
  useEffect(() => {
    if (props.errors !== undefined || props.message !== undefined) box.current?.focus();
  }, [props.errors, props.message]);
  if (entries.length === 0 && !message) return null;
  const heading = props.heading ?? words("shared.fixFields", { count: entries.length });
  return (
    <div
      ref={box}
      role="alert"
      tabIndex={-1}
      // biome-ignore lint/a11y/noAutofocus: whoever sent the form has to learn first that it did not go through.
      autoFocus
      data-error-summary
      className="rounded-xl border-s-4 border-bad bg-bad-soft px-4 py-3"
    >
      <p className="font-semibold">{heading}</p>
      {message ? <p className="mt-0.5">{message}</p> : null}
      {entries.length > 0 ? (
        <ul className="mt-1 space-y-0.5">
          {entries.map(([name, error]) => (
            <li key={name}>
              <a className="link !text-ink" href={`#${name}`}>
                {error}
              </a>
            </li>
          ))}
        </ul>
      ) : null}
    </div>
  );
}
