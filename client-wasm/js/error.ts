/** The one error that the package throws, and how everything else becomes it. */
import type { ErrorCode } from './tidemark.d.ts';

export class TidemarkError extends Error {
  readonly code: ErrorCode;
  readonly help: string;

  constructor(code: ErrorCode, message: string, help: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'TidemarkError';
    this.code = code;
    this.help = help;
  }
}

/** Wrong arguments: what is wrong, and how it should be. */
export function invalid(message: string, help: string, cause?: unknown): TidemarkError {
  return new TidemarkError('invalid', message, help, cause === undefined ? undefined : { cause });
}

interface Thrown {
  code: string;
  message: string;
  help: string;
  cause?: unknown;
}

/** What the module threw, as the app sees it. */
export function toError(thrown: unknown): TidemarkError {
  if (thrown instanceof TidemarkError) return thrown;
  if (isThrown(thrown)) {
    const options = thrown.cause === undefined ? undefined : { cause: thrown.cause };
    return new TidemarkError(thrown.code, thrown.message, thrown.help, options);
  }
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  const help = 'Something failed inside Tidemark. Reload the page: what was saved is safe. Please report this.';
  return new TidemarkError('storage', message, help, { cause: thrown });
}

function isThrown(thrown: unknown): thrown is Thrown {
  return typeof thrown === 'object' && thrown !== null && 'code' in thrown && 'message' in thrown && 'help' in thrown;
}

/** Waits for the module, and turns what it throws. */
export async function answer<T>(promise: Promise<T>): Promise<T> {
  try {
    return await promise;
  } catch (thrown) {
    throw toError(thrown);
  }
}
