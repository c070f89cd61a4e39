/**
 * The portal's script. The page works without it; this adds what only a script can do. It is the only
 * one on the page, and knows no framework.
 */
import { findPasswordProblem, MAX_PASSWORD_BYTES, translatePolicy } from "../links/password-rules";
import { type PolicyVerdict, startPolicyCheck } from "./check-policy";
import type { ScriptWords } from "./password-words";

// First of all: the token leaves the address bar and the history. The form holds it from here on. Where
// this page answers a form, a reload asks for the page from here on, and does not send the form again:
// with a wrong PIN, that would spend another try.
history.replaceState(null, "", "/");

// Browsers that know `autofocus` on a form's fields alone.
addEventListener("load", () => {
  if (document.activeElement === document.body)
    document.querySelector<HTMLElement>("[data-error-summary]")?.focus();
});

const form = document.querySelector<HTMLFormElement>("form[data-portal]");
const words: ScriptWords = JSON.parse(form?.dataset.words ?? "{}");
if (form) enhance(form);

function enhance(form: HTMLFormElement): void {
  const input = (name: string) => form.elements.namedItem(name) as HTMLInputElement;
  const password = input("password");
  const confirmation = input("confirm_password");
  const { policyRegex = "" } = form.dataset;
  const policy = policyRegex ? translatePolicy(policyRegex) : undefined;
  let judged: { password: string; verdict: PolicyVerdict } | undefined;
  const askPolicy =
    policy &&
    startPolicyCheck(policy, (verdict, password) => {
      judged = { verdict, password };
      check();
    });

  const check = () => {
    const typed = password.value;
    const verdict = judged?.password === typed ? judged.verdict : undefined;
    if (typed && !verdict) askPolicy?.(typed);
    const problem = findPasswordProblem(typed) ?? (verdict === "breaks" ? "policy" : undefined);
    const differ = confirmation.value !== typed;
    // The browser shows these where the form is sent, and does not send it. Without a verdict it does,
    // and the server decides.
    password.setCustomValidity(problem && problem !== "empty" ? words.problems[problem] : "");
    confirmation.setCustomValidity(differ && confirmation.value ? words.differ : "");
    // Half typed is not wrong yet: that shows on leaving the field.
    const typing = document.activeElement === password;
    // Until the verdict is there, which takes a moment, the one before stands: else it would flicker.
    if (verdict === "follows") mark("policy", true);
    else if (verdict === "breaks") mark("policy", typing ? undefined : false);
    else if (verdict === "unknown" || !typed) mark("policy", undefined);
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
  for (const field of [input("pin"), password, confirmation])
    field.addEventListener("input", () => clearError(field));

  const hide = offerToShow(form, [password, confirmation]);
  showProgress(form, hide);
}

/**
 * What the server said of a field is about what was sent, not about what is typed now. The summary's
 * heading stays: until the form is sent again, it is true.
 */
function clearError(field: HTMLInputElement): void {
  const error = document.getElementById(`${field.id}-error`);
  if (!error) return;
  error.remove();
  field.removeAttribute("aria-invalid");
  const others = (field.getAttribute("aria-describedby") ?? "")
    .split(" ")
    .filter((id) => id !== error.id);
  if (others.join("")) field.setAttribute("aria-describedby", others.join(" "));
  else field.removeAttribute("aria-describedby");
  document.querySelector(`[data-error-summary] a[href="#${field.id}"]`)?.closest("li")?.remove();
}

/** @param met undefined: nothing to tell yet */
function mark(rule: string, met: boolean | undefined): void {
  const item = document.querySelector<HTMLElement>(`[data-rule="${rule}"]`);
  if (!item) return;
  if (met === undefined) delete item.dataset.met;
  else item.dataset.met = met ? "yes" : "no";
  const state = item.querySelector("[data-rule-state]");
  const told = met === undefined ? "" : met ? words.met : words.notMet;
  if (state && state.textContent !== told) state.textContent = told;
}

/** @returns what hides the passwords again */
function offerToShow(form: HTMLFormElement, fields: HTMLInputElement[]): () => void {
  const toggle = form.querySelector<HTMLButtonElement>("[data-show-password]");
  let shown = false;
  const turn = (to: "show" | "hide") => {
    shown = to === "show";
    for (const field of fields) field.type = shown ? "text" : "password";
    if (!toggle) return;
    // The name says what a press does, so there is no pressed state beside it.
    toggle.textContent = shown ? words.hide : words.show;
    toggle.setAttribute("aria-label", shown ? words.hidePasswords : words.showPasswords);
  };
  if (toggle) toggle.hidden = false;
  toggle?.addEventListener("click", () => turn(shown ? "hide" : "show"));
  return () => turn("hide");
}

/** While Keystone works, which takes a second: one submission, and a button that says so. */
function showProgress(form: HTMLFormElement, beforeSending: () => void): void {
  const button = form.querySelector<HTMLButtonElement>("button[data-submit]");
  if (!button) return;
  const label = button.textContent;
  form.addEventListener("submit", () => {
    // Browsers remember what a visible field held.
    beforeSending();
    button.disabled = true;
    button.textContent = button.dataset.submit ?? label;
  });
  // Coming back by the back button, some browsers show the page as it was left.
  addEventListener("pageshow", () => {
    button.disabled = false;
    button.textContent = label;
  });
}

let asked = 0;
/** What the page says in the verdict's place before there is one. */
const advice = document.querySelector("[data-strength-words]")?.textContent ?? "";

/** A hint, nothing more: it is loaded when somebody types, and where it does not load nothing is missed. */
async function hintStrength(form: HTMLFormElement, password: HTMLInputElement): Promise<void> {
  const box = form.querySelector<HTMLElement>("[data-strength]");
  if (!box) return;
  const mine = ++asked;
  const strength = await import("./strength").catch(() => undefined);
  // Typed on meanwhile: the newest call answers.
  if (!strength || mine !== asked) return;
  const typed = password.value;
  const personal = [form.dataset.userName ?? "", form.dataset.appName ?? ""];
  const { level, sentences } = typed
    ? strength.judgePassword(words.strength, typed, personal)
    : { level: 0, sentences: [advice] };
  const told = sentences.join(" ");
  const meter = box.querySelector<HTMLElement>(".meter");
  const text = box.querySelector("[data-strength-words]");
  if (meter) meter.dataset.score = String(level);
  if (text && text.textContent !== told) text.textContent = told;
}
