{{/* The name of everything that belongs to the release. */}}
{{- define "doorward.name" -}}
{{ .Release.Name | trunc 52 | trimSuffix "-" }}
{{- end }}

{{- define "doorward.account" -}}
{{ .Values.serviceAccount.name | default (include "doorward.name" .) }}
{{- end }}

{{- define "doorward.lease" -}}
{{ .Values.lease.name | default (include "doorward.name" .) }}
{{- end }}

{{/* Where the ConfigMap of the settings is. */}}
{{- define "doorward.settingsNamespace" -}}
{{ .Values.settings.namespace | default .Release.Namespace }}
{{- end }}

{{- define "doorward.image" -}}
{{- with .Values.image -}}
{{- if .digest }}{{ .repository }}@{{ .digest }}{{ else }}{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}
{{- end }}
{{- end }}

{{/* By these a pod is chosen; they stay as they are from one version to the next. */}}
{{- define "doorward.selector" -}}
app.kubernetes.io/name: doorward
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "doorward.labels" -}}
{{ include "doorward.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
{{- end }}

{{- define "doorward.authzSelector" -}}
app.kubernetes.io/name: doorward-authz
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "doorward.authzLabels" -}}
{{ include "doorward.authzSelector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
{{- end }}

{{/* The rules of a ClusterRole or Role: (list $ "cluster") those of cluster-scoped kinds, (list $ "namespaced") the others. */}}
{{- define "doorward.rules" -}}
{{- $root := index . 0 }}
{{- $scope := index . 1 }}
{{- $rights := $root.Files.Get "files/rights.yaml" | fromYaml }}
{{- range $part := $rights.parts }}
{{- if or (not $part.source) (has $part.source $root.Values.sources) }}
{{- with index $part $scope }}
# {{ $part.about }}
{{- range . }}
{{ include "doorward.rule" . }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- define "doorward.rule" -}}
- apiGroups: {{ toJson .apiGroups | replace "," ", " }}
  resources: {{ toJson .resources | replace "," ", " }}
  verbs: {{ toJson .verbs | replace "," ", " }}
{{- end }}

{{- define "doorward.securityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{- define "doorward.spread" -}}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
{{ . | indent 8 }}
{{- end }}

{{/* Where pods go. */}}
{{- define "doorward.placement" -}}
{{- with .Values.nodeSelector }}
nodeSelector:
{{ toYaml . | indent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
{{ toYaml . | indent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity:
{{ toYaml . | indent 2 }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
{{- range . }}
  - name: {{ . }}
{{- end }}
{{- end }}
{{- end }}
