package main

import (
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/scheme"
)

var (
	groupVersion  = schema.GroupVersion{Group: "ome.io", Version: "v1beta1"}
	schemeBuilder = &scheme.Builder{GroupVersion: groupVersion}
)

func init() {
	schemeBuilder.Register(&InferenceService{}, &InferenceServiceList{})
}

// InferenceService has every field that the fleet of benchmarks/fleet.py uses.
type InferenceService struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   Spec   `json:"spec,omitempty"`
	Status Status `json:"status,omitempty"`
}

type InferenceServiceList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []InferenceService `json:"items"`
}

type Spec struct {
	Model   *ModelRef  `json:"model,omitempty"`
	Engine  *Component `json:"engine,omitempty"`
	Router  *Component `json:"router,omitempty"`
	Decoder *Component `json:"decoder,omitempty"`
}

type ModelRef struct {
	Name string `json:"name"`
	Kind string `json:"kind,omitempty"`
}

type Component struct {
	MinReplicas *int              `json:"minReplicas,omitempty"`
	MaxReplicas int               `json:"maxReplicas,omitempty"`
	Runner      *corev1.Container `json:"runner,omitempty"`
}

type Status struct {
	ObservedGeneration int64                      `json:"observedGeneration,omitempty"`
	Annotations        map[string]string          `json:"annotations,omitempty"`
	Conditions         []Condition                `json:"conditions,omitempty"`
	URL                string                     `json:"url,omitempty"`
	Address            *Address                   `json:"address,omitempty"`
	Components         map[string]ComponentStatus `json:"components,omitempty"`
	ModelStatus        *ModelStatus               `json:"modelStatus,omitempty"`
}

type Condition struct {
	Type               string                 `json:"type"`
	Status             corev1.ConditionStatus `json:"status"`
	Severity           string                 `json:"severity,omitempty"`
	LastTransitionTime metav1.Time            `json:"lastTransitionTime,omitempty"`
	Reason             string                 `json:"reason,omitempty"`
	Message            string                 `json:"message,omitempty"`
}

type Address struct {
	URL string `json:"url,omitempty"`
}

type ComponentStatus struct {
	LatestCreatedRevision   string    `json:"latestCreatedRevision,omitempty"`
	LatestReadyRevision     string    `json:"latestReadyRevision,omitempty"`
	LatestRolledoutRevision string    `json:"latestRolledoutRevision,omitempty"`
	Traffic                 []Traffic `json:"traffic,omitempty"`
	Address                 *Address  `json:"address,omitempty"`
}

type Traffic struct {
	LatestRevision *bool  `json:"latestRevision,omitempty"`
	Percent        *int64 `json:"percent,omitempty"`
	RevisionName   string `json:"revisionName,omitempty"`
}

type ModelStatus struct {
	TransitionStatus string  `json:"transitionStatus,omitempty"`
	Copies           *Copies `json:"copies,omitempty"`
}

type Copies struct {
	FailedCopies int `json:"failedCopies"`
	TotalCopies  int `json:"totalCopies"`
}

// What follows is what controller-gen would write.

func (in *InferenceService) DeepCopyObject() runtime.Object { return in.DeepCopy() }

func (in *InferenceService) DeepCopy() *InferenceService {
	out := &InferenceService{TypeMeta: in.TypeMeta}
	in.ObjectMeta.DeepCopyInto(&out.ObjectMeta)
	in.Spec.deepCopyInto(&out.Spec)
	in.Status.deepCopyInto(&out.Status)
	return out
}

func (in *InferenceServiceList) DeepCopyObject() runtime.Object {
	out := &InferenceServiceList{TypeMeta: in.TypeMeta}
	in.ListMeta.DeepCopyInto(&out.ListMeta)
	for i := range in.Items {
		out.Items = append(out.Items, *in.Items[i].DeepCopy())
	}
	return out
}

func (in *Spec) deepCopyInto(out *Spec) {
	out.Model = pointed(in.Model)
	out.Engine, out.Router, out.Decoder = in.Engine.deepCopy(), in.Router.deepCopy(), in.Decoder.deepCopy()
}

func (in *Component) deepCopy() *Component {
	if in == nil {
		return nil
	}
	return &Component{MinReplicas: pointed(in.MinReplicas), MaxReplicas: in.MaxReplicas, Runner: in.Runner.DeepCopy()}
}

func (in *Status) DeepCopy() *Status {
	out := &Status{}
	in.deepCopyInto(out)
	return out
}

func (in *Status) deepCopyInto(out *Status) {
	*out = *in
	out.Annotations = maps.Clone(in.Annotations)
	out.Conditions = slices.Clone(in.Conditions)
	out.Address = pointed(in.Address)
	if in.ModelStatus != nil {
		out.ModelStatus = &ModelStatus{in.ModelStatus.TransitionStatus, pointed(in.ModelStatus.Copies)}
	}
	if in.Components != nil {
		out.Components = make(map[string]ComponentStatus, len(in.Components))
		for name, component := range in.Components {
			component.Address = pointed(component.Address)
			component.Traffic = slices.Clone(component.Traffic)
			for i, traffic := range component.Traffic {
				component.Traffic[i].LatestRevision = pointed(traffic.LatestRevision)
				component.Traffic[i].Percent = pointed(traffic.Percent)
			}
			out.Components[name] = component
		}
	}
}

func pointed[T any](in *T) *T {
	if in == nil {
		return nil
	}
	out := *in
	return &out
}
