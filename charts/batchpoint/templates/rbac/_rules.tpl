{{- /* What the operator needs wherever it looks after objects; `batchpoint.cluster.access` asks for it at start. */}}
{{- define "batchpoint.operatorRules" -}}
- apiGroups: [batchpoint.dev]
  resources: [batchendpoints]
  verbs: [list, watch]
# Its owner reference, so that a deployment goes with its endpoint.
- apiGroups: [batchpoint.dev]
  resources: [batchdeployments]
  verbs: [list, watch, patch]
- apiGroups: [batchpoint.dev]
  resources: [batchjobs]
  verbs: [get, list, watch, delete]
- apiGroups: [batchpoint.dev]
  resources: [batchendpoints/status, batchdeployments/status, batchjobs/status]
  verbs: [patch]
- apiGroups: [batch]
  resources: [jobs]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [""]
  resources: [pods]
  verbs: [list]
- apiGroups: [""]
  resources: [events]
  verbs: [list, create]
# Code and data assets.
- apiGroups: [""]
  resources: [configmaps]
  verbs: [get, list]
# Whether one is being deleted whose Jobs have lost their pods; in a Role this is its own namespace alone.
- apiGroups: [""]
  resources: [namespaces]
  verbs: [get]
# Why a queue does not admit a job; without Kueue nobody has these.
- apiGroups: [kueue.x-k8s.io]
  resources: [workloads]
  verbs: [get, list]
{{- if .Values.operator.checkSecrets }}
- apiGroups: [""]
  resources: [secrets]
  verbs: [get]
{{- end }}
{{- end }}

{{- /* Rights of people on the three kinds, by role. Nobody writes a status, which is the operator's. */}}
{{- define "batchpoint.viewRules" -}}
- apiGroups: [batchpoint.dev]
  resources: [batchendpoints, batchdeployments, batchjobs]
  verbs: [get, list, watch]
{{- end }}

{{- define "batchpoint.editRules" -}}
- apiGroups: [batchpoint.dev]
  resources: [batchendpoints, batchdeployments, batchjobs]
  verbs: [get, list, watch, create, update, patch, delete, deletecollection]
{{- end }}

{{- define "batchpoint.creatorRules" -}}
- apiGroups: [batchpoint.dev]
  resources: [batchjobs]
  verbs: [create, get, list, watch]
{{- end }}
