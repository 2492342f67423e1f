#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every flag of kaniko's executor is in the option table and in docs/compat-kaniko.md: flags.py ROOT"""
import pathlib
import re
import sys

FLAGS = '''
annotation bucket build-arg cache cache-copy-layers cache-dir cache-repo cache-run-layers cache-ttl cleanup compressed-caching
compression compression-level context context-sub-path credential-helpers custom-platform customPlatform destination digest-file
dockerfile dryrun force force-build-metadata git ignore-path ignore-var-run image-download-retry image-format
image-fs-extract-retry image-name-tag-with-digest-file image-name-with-digest-file insecure insecure-pull insecure-registry
kaniko-dir label log-format log-timestamp materialize no-push no-push-cache oci-layout-path pre-cleanup preserve-context
push-ignore-immutable-tag-errors push-retry registry-certificate registry-client-cert registry-map registry-mirror reproducible
secret single-snapshot skip-default-registry-fallback skip-push-permission-check skip-tls-verify skip-tls-verify-pull
skip-tls-verify-registry skip-unused-stages snapshot-mode snapshotMode tar-path tarPath target use-new-run verbosity
whitelist-var-run
'''.split()

root = pathlib.Path(sys.argv[1])
page = set(re.findall(r'`--([A-Za-z-]+)`', (root / 'docs/compat-kaniko.md').read_text(encoding='utf-8')))
fronts = {}
for front, name in re.findall(r'\{(?:NULL|"[^"]*"), ([A-Z_&~| ]+), "([A-Za-z-]+)", ',
                              (root / 'src/cli/options.c').read_text(encoding='utf-8')):
    fronts.setdefault(name, set()).update(front.replace('|', ' ').split())
everybody = {'X', 'SENDS', 'PULLS', 'HOSTS', 'ALL', 'ANY'}
bad = [f'--{f}: not in the option table of the executor' for f in FLAGS if not fronts.get(f, set()) & everybody]
bad += [f'--{f}: not in docs/compat-kaniko.md' for f in FLAGS if f not in page]
print('\n'.join(bad) or f'{len(FLAGS)} flags')
sys.exit(1 if bad else 0)
