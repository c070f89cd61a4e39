/**
 * The portal's script. The page works without it; this adds what only a script can do. It is the only
 * one on the page, and knows no framework.
 */
import { findPasswordProblem, MAX_PASSWORD_BYTES, translatePolicy } from "../links/password-rules";
import { describePasswordProblem, PASSWORDS_DIFFER } from "./password-words";

// First of all: the token leaves the address bar and the history. The form holds it from here on.
if (location.search) history.replaceState(null, "", "/");

// Browsers that know `autofocus` on a form's fields alone.
addEventListener("load", () => {
  if (document.activeElement === document.body)
    document.querySelector<HTMLElement>("[data-error-summary]")?.focus();
});

const form = document.querySelector<HTMLFormElement>("form[data-portal]");
if (form) enhance(form);

function enhance(form: HTMLFormElement): void {
  const input = (name: string) => form.elements.namedItem(name) as HTMLInputElement;
  const password = input("password");
  const confirmation = input("confirm_password");
  const policy = {
    regex: form.dataset.policyRegex ?? null,
    description: form.dataset.policyDescription ?? null,
  };
  const policyPattern = policy.regex === null ? undefined : translatePolicy(policy.regex);

  const check = () => {
    const typed = password.value;
    const problem = findPasswordProblem(typed, policy);
    const differ = confirmation.value !== typed;
    // The browser shows these where the form is sent, and does not send it.
    password.setCustomValidity(
      problem && problem !== "empty" ? describePasswordProblem(problem, policy.description) : "",
    );
    confirmation.setCustomValidity(differ && confirmation.value ? PASSWORDS_DIFFER : "");
    // Half typed is not wrong yet: that shows on leaving the field.
    const follows = typed && policyPattern ? policyPattern.test(typed) : undefined;
    const typing = document.activeElement === password;
    mark("policy", follows || !typing ? follows : undefined);
    mark(
      "length",
      typed ? new TextEncoder().encode(typed).length <= MAX_PASSWORD_BYTES : undefined,
    );
    const begun = typed.startsWith(confirmation.value);
    mark("match", confirmation.value ? (differ ? (begun ? undefined : false) : true) : undefined);
  };
  password.addEventListener("input", check);
  password.addEventListener("blur", check);
  confirmation.addEventListener("input", check);
  password.addEventListener("input", () => hintStrength(form, password));
  // Password managers and the browser's own memory fill fields in before this runs.
  if (password.value) check();

  offerToShow(form, [password, confirmation]);
  showProgress(form, () => {
    password.type = "password";
    confirmation.type = "password";
  });
}

/** @param met undefined: nothing to tell yet */
function mark(rule: string, met: boolean | undefined): void {
  const item = document.querySelector<HTMLElement>(`[data-rule="${rule}"]`);
  if (!item) return;
  if (met === undefined) delete item.dataset.met;
  else item.dataset.met = met ? "yes" : "no";
  const words = item.querySelector("[data-rule-state]");
  const told = met === undefined ? "" : met ? " (done)" : " (not yet)";
  if (words && words.textContent !== told) words.textContent = told;
}

function offerToShow(form: HTMLFormElement, fields: HTMLInputElement[]): void {
  const toggle = form.querySelector<HTMLButtonElement>("[data-show-password]");
  if (!toggle) return;
  toggle.hidden = false;
  toggle.addEventListener("click", () => {
    const shown = toggle.getAttribute("aria-pressed") === "true";
    toggle.setAttribute("aria-pressed", String(!shown));
    for (const field of fields) field.type = shown ? "password" : "text";
  });
}

/** While Keystone works, which takes a second: one submission, and a button that says so. */
function showProgress(form: HTMLFormElement, beforeSending: () => void): void {
  const button = form.querySelector<HTMLButtonElement>("button[data-submit]");
  if (!button) return;
  const words = button.textContent;
  form.addEventListener("submit", () => {
    // Browsers remember what a visible field held.
    beforeSending();
    button.disabled = true;
    button.textContent = button.dataset.submit ?? words;
  });
  // Coming back by the back button, some browsers show the page as it was left.
  addEventListener("pageshow", () => {
    button.disabled = false;
    button.textContent = words;
  });
}

let asked = 0;

/** A hint, nothing more: it is loaded when somebody types, and where it does not load nothing is missed. */
async function hintStrength(form: HTMLFormElement, password: HTMLInputElement): Promise<void> {
  const box = form.querySelector<HTMLElement>("[data-strength]");
  if (!box) return;
  const mine = ++asked;
  const strength = await import("./strength").catch(() => undefined);
  // Typed on meanwhile: the newest call answers.
  if (!strength || mine !== asked) return;
  box.hidden = password.value === "";
  if (box.hidden) return;
  const { level, words } = strength.judgePassword(password.value, [
    form.dataset.userName ?? "",
    form.dataset.appName ?? "",
  ]);
  const meter = box.querySelector<HTMLElement>(".meter");
  const text = box.querySelector("[data-strength-words]");
  if (meter) meter.dataset.score = String(level);
  if (text && text.textContent !== words) text.textContent = words;
}
