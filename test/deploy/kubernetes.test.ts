import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { lastOf, ROOT, readDockerfile } from './dockerfile.ts';
import { type Any, readDocuments, readOne } from './files.ts';

const FOLDER = 'deploy/kubernetes';
const objects: Any[] = ['flowsentry', 'certificates', 'network-policy', 'service-monitor'].flatMap((name) =>
  readDocuments(`${FOLDER}/${name}.yaml`),
);
const one = (kind: string, name = 'flowsentry'): Any =>
  objects.find((object) => object.kind === kind && object.metadata.name === name);
const { spec: pod } = one('StatefulSet').spec.template;
const [container] = pod.containers;

describe('Kubernetes', () => {
  it('meets the restricted pod security standard, with a root that cannot be written', () => {
    expect(one('Namespace').metadata.labels['pod-security.kubernetes.io/enforce']).toBe('restricted');
    expect(pod.securityContext).toMatchObject({
      runAsNonRoot: true,
      seccompProfile: { type: 'RuntimeDefault' },
    });
    expect(container.securityContext).toMatchObject({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    });
    expect(pod.automountServiceAccountToken).toBe(false);
  });

  it('runs as the user of the image, once, on a volume that one pod may use', () => {
    const image = readDockerfile().at(-1);
    expect(`${pod.securityContext.runAsUser}:${pod.securityContext.runAsGroup}`).toBe(
      image && lastOf(image, 'USER'),
    );
    const { replicas, volumeClaimTemplates } = one('StatefulSet').spec;
    expect(replicas).toBe(1);
    expect(volumeClaimTemplates[0].spec.accessModes).toEqual(['ReadWriteOncePod']);
    expect(container.image).toMatch(/:\d+\.\d+\.\d+$/);
  });

  it('is probed at the port it serves, and has all its volumes', () => {
    const [port] = container.ports;
    for (const probe of ['startupProbe', 'livenessProbe', 'readinessProbe'])
      expect(container[probe].httpGet).toMatchObject({ port: port.name, scheme: 'HTTPS' });
    expect(readOne(`${FOLDER}/flowsentry-config.yaml`).serve.port).toBe(port.containerPort);
    const volumes = [...pod.volumes, ...one('StatefulSet').spec.volumeClaimTemplates].map(
      (volume: Any) => volume.name ?? volume.metadata.name,
    );
    expect(container.volumeMounts.map((mount: Any) => mount.name).sort()).toEqual(volumes.sort());
  });

  it('has a /tmp on disk for what queries put aside, and storage for it', () => {
    const { emptyDir } = pod.volumes.find((volume: Any) => volume.name === 'tmp');
    expect(emptyDir).toEqual({ sizeLimit: '2Gi' });
    expect(Number.parseInt(container.resources.limits['ephemeral-storage'], 10)).toBeGreaterThan(2048);
  });

  it('mounts the secrets that cert-manager writes, and no other', () => {
    const written = objects.filter(({ kind }) => kind === 'Certificate').map(({ spec }) => spec.secretName);
    const mounted = pod.volumes.flatMap(({ secret }: Any) => (secret ? [secret.secretName] : []));
    expect(mounted.sort()).toEqual(written.sort());
  });

  it('talks to nobody but who is named, and never to the metadata of its machine', () => {
    expect(one('NetworkPolicy', 'default-deny').spec).toEqual({
      podSelector: {},
      policyTypes: ['Ingress', 'Egress'],
    });
    const { egress, ingress } = one('NetworkPolicy').spec;
    for (const rule of [...egress, ...ingress]) expect(rule.ports.length).toBeGreaterThan(0);
    const blocks = egress.flatMap(({ to }: Any) => to.flatMap((peer: Any) => peer.ipBlock ?? []));
    expect(blocks.find(({ cidr }: Any) => cidr === '0.0.0.0/0').except).toContain('169.254.0.0/16');
    expect(blocks.find(({ cidr }: Any) => cidr === '::/0').except).toContain('fe80::/10');
  });

  it('puts together files that are there', () => {
    const { resources, configMapGenerator } = readOne(`${FOLDER}/kustomization.yaml`);
    const files = configMapGenerator.flatMap((map: Any) =>
      map.files.map((file: string) => file.split('=')[1]),
    );
    for (const file of [...resources, ...files])
      expect(existsSync(join(ROOT, FOLDER, file)), file).toBe(true);
  });
});
