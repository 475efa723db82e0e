/** Who has used this browser: names only, in `localStorage`, the last one first. Holds no token. */

const PLACE = 'tidemark-demo.users';
const NAMES_MAX = 6;

/** The names that have signed in here, the last one first. */
export function earlierUsers(): string[] {
  try {
    const names: unknown = JSON.parse(localStorage.getItem(PLACE)?.trim() || '[]');
    return Array.isArray(names) ? names.filter((name) => typeof name === 'string') : [];
  } catch {
    return [];
  }
}

/** The name that is signed in, if somebody is. */
export function currentUser(): string | undefined {
  return localStorage.getItem(`${PLACE}.current`) ?? undefined;
}

/** Keeps `name` as the one who is signed in. */
export function rememberUser(name: string): void {
  const names = [name, ...earlierUsers().filter((other) => other !== name)];
  localStorage.setItem(PLACE, JSON.stringify(names.slice(0, NAMES_MAX)));
  localStorage.setItem(`${PLACE}.current`, name);
}

/** Signs out; the records stay on the device for the next time. */
export function forgetCurrentUser(): void {
  localStorage.removeItem(`${PLACE}.current`);
}
