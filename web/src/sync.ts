/**
 * The one door to the local database: nothing else in the demo opens it or asks for a token.
 * One database per user name; the name is all that is kept of a sign-in.
 */
import { open, type Database } from 'tidemark';

/** The indexes that the demo's own queries use. */
const INDEXES = { todo: ['list'], import: ['id'], city: ['name'] };

/** The field by which an entity is searched, as far as one is indexed. */
export function searchField(entity: string): string | undefined {
  const field = (INDEXES as Record<string, readonly string[]>)[entity]?.[0];
  return field === 'id' ? undefined : field;
}

/** Opens (or makes) the local database of `user`; it syncs by itself with the server that served this page. */
export function openFor(user: string): Promise<Database> {
  return open({
    name: `tidemark-demo:${user}`,
    server: location.origin,
    token: () => askForToken(user),
    indexes: INDEXES,
  });
}

/** Lets the database of `user` try again after the server refused its token; fails in words if it still does. */
export async function signInAgain(database: Database, user: string): Promise<void> {
  const token = await askForToken(user);
  if (token === null) {
    throw new Error('This server hands out no tokens for a name. Start it with --dev to use the demo.');
  }
  await database.connect({ server: location.origin, token: () => askForToken(user) });
}

/** Asks the server what no device keeps; fails in words if it does not answer. */
export async function ask<Answer>(user: string, address: string): Promise<Answer> {
  const token = await askForToken(user);
  const response = await fetch(address, { headers: token === null ? {} : { authorization: `Bearer ${token}` } });
  if (!response.ok) {
    const { detail } = (await response.json().catch(() => ({}))) as { detail?: string };
    throw new Error(detail ?? `The server answered with status ${response.status}.`);
  }
  return (await response.json()) as Answer;
}

/**
 * A development server gives a token to anybody who says a name. `null` is a refusal: the sync
 * then goes without one and is told that it is signed out, rather than that it is offline.
 */
async function askForToken(user: string): Promise<string | null> {
  const response = await fetch('/v1/dev/token', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ user }),
  });
  if (response.status >= 400 && response.status < 500) return null;
  if (!response.ok) throw new Error(`The server gave no token (status ${response.status}).`);
  const answer = (await response.json()) as { token: string };
  return answer.token;
}
