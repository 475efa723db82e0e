/** Which entities there are on this device: the demo's own, those imported, those counted. */
import type { Database } from 'tidemark';
import { useLive } from './live';
import { OWN_ENTITIES, type Import } from './model';

export interface EntityCount {
  entity: string;
  count: number;
}

/** The entities that have records, the person's own kinds first. */
export function useEntities(): EntityCount[] | undefined {
  return useLive('entities', countEntities).answer;
}

async function countEntities(database: Database): Promise<EntityCount[]> {
  const imports = await database.collection<Import>('import').find();
  const names = new Set([...imports.map(({ value }) => value.entity), ...OWN_ENTITIES]);
  const counts = await Promise.all(
    [...names].map(async (entity) => ({ entity, count: await database.collection(entity).count() })),
  );
  return counts.filter(({ count }) => count > 0);
}
