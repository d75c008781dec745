package main

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

const (
	domain            = "example.com"
	additionalDomains = "ome.io/ingress-additional-domains"
	serviceLabel      = "ome.io/inferenceservice"
	hostsAnnotation   = "doorward.io/hosts"
)

// entryOf gives the component that takes the requests, and the condition that tells whether it is ready.
func entryOf(service *InferenceService) (component, condition string) {
	if service.Spec.Router != nil {
		return "router", "RouterReady"
	}
	return "engine", "EngineReady"
}

func hostsOf(service *InferenceService) []string {
	hosts := []string{service.Name + "." + service.Namespace + "." + domain}
	for _, other := range strings.Split(service.Annotations[additionalDomains], ",") {
		if other = strings.TrimSpace(other); other != "" {
			hosts = append(hosts, service.Name+"."+service.Namespace+"."+other)
		}
	}
	return hosts
}

func desiredMeta(service *InferenceService, entry string) metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Name:      service.Name,
		Namespace: service.Namespace,
		Labels:    map[string]string{serviceLabel: service.Name, "app.kubernetes.io/managed-by": "doorward"},
		Annotations: map[string]string{
			"doorward.io/owner":      string(service.UID),
			"doorward.io/components": entry,
		},
		OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(service, groupVersion.WithKind("InferenceService"))},
	}
}

func desiredIngress(service *InferenceService, entry string, port int32) *networkingv1.Ingress {
	class, prefix := "istio", networkingv1.PathTypePrefix
	backend := networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{
		Name: service.Name + "-" + entry,
		Port: networkingv1.ServiceBackendPort{Number: port},
	}}
	ingress := &networkingv1.Ingress{
		ObjectMeta: desiredMeta(service, entry),
		Spec:       networkingv1.IngressSpec{IngressClassName: &class},
	}
	for _, host := range hostsOf(service) {
		ingress.Spec.Rules = append(ingress.Spec.Rules, networkingv1.IngressRule{
			Host: host,
			IngressRuleValue: networkingv1.IngressRuleValue{HTTP: &networkingv1.HTTPIngressRuleValue{
				Paths: []networkingv1.HTTPIngressPath{{Path: "/", PathType: &prefix, Backend: backend}},
			}},
		})
	}
	return ingress
}

func desiredService(service *InferenceService, entry string, target intstr.IntOrString) *corev1.Service {
	return &corev1.Service{
		ObjectMeta: desiredMeta(service, entry),
		Spec: corev1.ServiceSpec{
			Type:     corev1.ServiceTypeClusterIP,
			Selector: map[string]string{serviceLabel: service.Name, "component": entry},
			Ports:    []corev1.ServicePort{{Name: "http", Port: 80, Protocol: corev1.ProtocolTCP, TargetPort: target}},
		},
	}
}

// report puts what is told of a door into a status; ready is whether the door stands.
func report(status *Status, service *InferenceService, ready bool, now metav1.Time) {
	hosts := hostsOf(service)
	status.URL = "http://" + hosts[0]
	status.Address = &Address{URL: "http://" + service.Name + "." + service.Namespace + ".svc.cluster.local"}
	claims := make([]string, len(hosts))
	for i, host := range hosts {
		claims[i] = host + "/"
	}
	slices.Sort(claims)
	if status.Annotations == nil {
		status.Annotations = map[string]string{}
	}
	status.Annotations[hostsAnnotation] = strings.Join(claims, " ")
	value := corev1.ConditionFalse
	if ready {
		value = corev1.ConditionTrue
	}
	for i := range status.Conditions {
		if condition := &status.Conditions[i]; condition.Type == "IngressReady" {
			if condition.Status != value {
				condition.Status, condition.LastTransitionTime = value, now
			}
			return
		}
	}
	status.Conditions = append(status.Conditions, Condition{Type: "IngressReady", Status: value, LastTransitionTime: now})
}
