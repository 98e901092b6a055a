{{- /* Beginning of the names of all objects. */}}
{{- define "batchpoint.name" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" }}
{{- else }}
{{- $name := default .Chart.Name .Values.nameOverride }}
{{- contains $name .Release.Name | ternary .Release.Name (printf "%s-%s" .Release.Name $name) | trunc 40 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- /* Of the Deployment, its service account, its roles and its Lease. */}}
{{- define "batchpoint.operator" -}}
{{ include "batchpoint.name" . }}-operator
{{- end }}

{{- define "batchpoint.serviceAccount" -}}
{{- $usual := .Values.serviceAccount.create | ternary (include "batchpoint.operator" .) "default" }}
{{- default $usual .Values.serviceAccount.name }}
{{- end }}

{{- /* By which the operator's pods are selected; they never change. */}}
{{- define "batchpoint.selector" -}}
app.kubernetes.io/name: batchpoint
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: operator
{{- end }}

{{- define "batchpoint.labels" -}}
{{- $ours := include "batchpoint.selector" . | fromYaml }}
{{- $_ := set $ours "app.kubernetes.io/version" .Chart.AppVersion }}
{{- $_ := set $ours "app.kubernetes.io/managed-by" .Release.Service }}
{{- $_ := set $ours "helm.sh/chart" (printf "%s-%s" .Chart.Name (replace "+" "_" .Chart.Version)) }}
{{- merge $ours .Values.extraLabels | toYaml }}
{{- end }}

{{- /* The name of one of the three images: called with the root and the image's own values. */}}
{{- define "batchpoint.image" -}}
{{- $root := index . 0 }}{{ $image := index . 1 }}
{{- with $root.Values.images.registry }}{{ . }}/{{ end }}
{{- $image.repository }}
{{- if $image.digest }}@{{ $image.digest }}{{ else }}:{{ default $root.Chart.AppVersion $image.tag }}{{ end }}
{{- end }}

{{- /* Quantities as JSON. Whole numbers become text, as Kubernetes takes them too. */}}
{{- define "batchpoint.quantities" -}}
{{- $found := dict }}
{{- range $resource, $quantity := . }}{{ $_ := set $found $resource (toString $quantity) }}{{ end }}
{{- toJson $found }}
{{- end }}
