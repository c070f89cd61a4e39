import type { InputHTMLAttributes, ReactNode } from "react";

type Input = Omit<InputHTMLAttributes<HTMLInputElement>, "id" | "name">;

export interface FieldProps extends Input {
  /** Also the element's id. */
  name: string;
  label: ReactNode;
  hint?: ReactNode;
  /** What is wrong with what was sent, and what to do. */
  error?: string;
  /** Beside the input, in its frame's place. */
  beside?: ReactNode;
}

/** A user name of Keystone's, typed by whom it names. */
export const USER_NAME = {
  type: "text",
  autoComplete: "username",
  autoCapitalize: "none",
  spellCheck: false,
  maxLength: 255,
  required: true,
} as const satisfies Input;

/** A labelled input; its hint and its error are tied to it, for those who hear the page. */
export function Field(props: FieldProps) {
  const { name, label, hint, error, beside, className = "", ...input } = props;
  const describedBy = [hint ? `${name}-hint` : "", error ? `${name}-error` : ""].filter(Boolean);
  return (
    <div>
      <label htmlFor={name} className="font-semibold">
        {label}
      </label>
      {hint ? (
        <p id={`${name}-hint`} className="mt-0.5 text-sm text-muted">
          {hint}
        </p>
      ) : null}
      <div className="mt-1.5 flex gap-2">
        <input
          id={name}
          name={name}
          className={`input ${className}`}
          aria-invalid={error ? true : undefined}
          aria-describedby={describedBy.length > 0 ? describedBy.join(" ") : undefined}
          {...input}
        />
        {beside}
      </div>
      {error ? (
        <p id={`${name}-error`} className="mt-1.5 text-sm font-medium text-bad">
          {error}
        </p>
      ) : null}
    </div>
  );
}
