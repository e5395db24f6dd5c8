/** What the tests read of the files in docker/. */
import { readFileSync } from 'node:fs';
import { parseAllDocuments } from 'yaml';
import { OPTIONS } from '../../src/config/options.js';

/** A container of a pod, as far as it is looked at. */
export interface Container {
  readonly name: string;
  readonly image: string;
  readonly args: readonly string[];
  readonly env?: readonly { readonly name: string; readonly value?: string }[];
  readonly envFrom?: readonly {
    readonly configMapRef?: { readonly name: string };
    readonly secretRef?: { readonly name: string };
  }[];
  readonly restartPolicy?: string;
  readonly volumeMounts: readonly {
    readonly name: string;
    readonly mountPath: string;
    readonly readOnly?: boolean;
  }[];
  readonly lifecycle?: {
    readonly preStop: { readonly exec: { readonly command: readonly string[] } };
  };
  readonly startupProbe?: { readonly exec: { readonly command: readonly string[] } };
  readonly securityContext: Record<string, unknown>;
}

/** A pod. */
export interface Pod {
  readonly terminationGracePeriodSeconds: number;
  readonly securityContext: Record<string, unknown>;
  readonly initContainers?: readonly Container[];
  readonly containers: readonly Container[];
  readonly volumes: readonly { readonly name: string }[];
}

/** A Kubernetes object. */
export interface KubernetesObject {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec: unknown;
  /** Of a ConfigMap. */
  readonly data?: Readonly<Record<string, string>>;
}

/** Seconds that requests under way may take by default. */
export const drain = Number.parseInt(OPTIONS.shutdownTimeout.default ?? '', 10);

/** The text of a file in docker/. */
export function textOf(name: string): string {
  return readFileSync(new URL(`../../docker/${name}`, import.meta.url), 'utf8');
}

/** The documents of a YAML text. */
export function documents(text: string): unknown[] {
  return [...parseAllDocuments(text)].map((document) => {
    const [error] = [...document.errors, ...document.warnings];
    if (error !== undefined) throw error;
    return document.toJS() as unknown;
  });
}

/** The pod of the Deployment; of one by its name, where there are several. */
export function podOf(
  name: string,
  edit: (text: string) => string = (text) => text,
  deployment?: string,
): Pod {
  const objects = documents(edit(textOf(name))) as KubernetesObject[];
  const found = objects.find(
    ({ kind, metadata }) => kind === 'Deployment' && metadata.name === (deployment ?? metadata.name),
  );
  if (found === undefined) throw new Error(`there is no Deployment ${deployment} in ${name}`);
  return (found.spec as { template: { spec: Pod } }).template.spec;
}

/** The manifest with everything that is commented to be used: options, sysctls, and the Ingress. */
export function uncommented(text: string): string {
  return text
    .replaceAll(/^( +)# (?=- --|sysctls:)/gm, '$1')
    .replace(/^# (?=apiVersion: networking)[\s\S]*/m, (rest) => rest.replaceAll(/^# ?/gm, ''));
}

/** Finds containers by their names. */
export function named(containers: readonly Container[]): (name: string) => Container {
  return (name) => {
    const found = containers.find((container) => container.name === name);
    if (found === undefined) throw new Error(`there is no ${name}`);
    return found;
  };
}

/** A native sidecar: started before the containers, and told to stop when they have ended. */
export function isSidecar({ restartPolicy }: Container): boolean {
  return restartPolicy === 'Always';
}

/** Seconds that its preStop waits. */
export function preStop({ lifecycle }: Container): number {
  const [command = 'sleep', seconds = '0'] = lifecycle?.preStop.exec.command ?? [];
  if (command !== 'sleep') throw new Error(`what does ${command} do?`);
  return Number(seconds);
}
