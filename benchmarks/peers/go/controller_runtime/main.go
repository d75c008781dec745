// A controller of the kind that doorward is measured against: controller-runtime as its book has it, with what it
// reads in typed caches, eight workers, and no limit of the client's own.
package main

import (
	"context"
	"flag"
	"os"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

var workers = flag.Int("workers", 8, "services that are reconciled at a time")

// Reconciler gives each InferenceService an Ingress, a Service and a status.
type Reconciler struct {
	client.Client
}

func (r *Reconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	var service InferenceService
	if err := r.Get(ctx, request.NamespacedName, &service); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if !service.DeletionTimestamp.IsZero() {
		return ctrl.Result{}, nil
	}
	entry, condition := entryOf(&service)
	var component corev1.Service
	key := types.NamespacedName{Namespace: service.Namespace, Name: service.Name + "-" + entry}
	if err := r.Get(ctx, key, &component); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	ready := isTrue(service.Status.Conditions, condition) && len(component.Spec.Ports) > 0
	if ready {
		port := component.Spec.Ports[0]
		if err := r.ensureIngress(ctx, desiredIngress(&service, entry, port.Port)); err != nil {
			return ctrl.Result{}, err
		}
		if err := r.ensureService(ctx, desiredService(&service, entry, port.TargetPort)); err != nil {
			return ctrl.Result{}, err
		}
	}
	before := service.Status.DeepCopy()
	report(&service.Status, &service, ready, metav1.Now())
	if equality.Semantic.DeepEqual(before, &service.Status) {
		return ctrl.Result{}, nil
	}
	if err := r.Status().Update(ctx, &service); err != nil {
		if apierrors.IsConflict(err) {
			return ctrl.Result{RequeueAfter: 1}, nil
		}
		return ctrl.Result{}, err
	}
	ctrl.LoggerFrom(ctx).Info("door stands", "url", service.Status.URL)
	return ctrl.Result{}, nil
}

func (r *Reconciler) ensureIngress(ctx context.Context, desired *networkingv1.Ingress) error {
	var standing networkingv1.Ingress
	err := r.Get(ctx, client.ObjectKeyFromObject(desired), &standing)
	if apierrors.IsNotFound(err) {
		return r.Create(ctx, desired)
	}
	if err != nil {
		return err
	}
	if same(&standing.ObjectMeta, &desired.ObjectMeta) && equality.Semantic.DeepEqual(standing.Spec, desired.Spec) {
		return nil
	}
	adopt(&standing.ObjectMeta, &desired.ObjectMeta)
	standing.Spec = desired.Spec
	return r.Update(ctx, &standing)
}

func (r *Reconciler) ensureService(ctx context.Context, desired *corev1.Service) error {
	var standing corev1.Service
	err := r.Get(ctx, client.ObjectKeyFromObject(desired), &standing)
	if apierrors.IsNotFound(err) {
		return r.Create(ctx, desired)
	}
	if err != nil {
		return err
	}
	// The rest of the spec is what the API server fills in.
	if same(&standing.ObjectMeta, &desired.ObjectMeta) &&
		standing.Spec.Type == desired.Spec.Type &&
		equality.Semantic.DeepEqual(standing.Spec.Selector, desired.Spec.Selector) &&
		equality.Semantic.DeepEqual(standing.Spec.Ports, desired.Spec.Ports) {
		return nil
	}
	adopt(&standing.ObjectMeta, &desired.ObjectMeta)
	standing.Spec.Type, standing.Spec.Selector, standing.Spec.Ports = desired.Spec.Type, desired.Spec.Selector, desired.Spec.Ports
	return r.Update(ctx, &standing)
}

func same(standing, desired *metav1.ObjectMeta) bool {
	return equality.Semantic.DeepDerivative(desired.Labels, standing.Labels) &&
		equality.Semantic.DeepDerivative(desired.Annotations, standing.Annotations) &&
		equality.Semantic.DeepEqual(desired.OwnerReferences, standing.OwnerReferences)
}

func adopt(standing, desired *metav1.ObjectMeta) {
	standing.Labels, standing.OwnerReferences = desired.Labels, desired.OwnerReferences
	for key, value := range desired.Annotations {
		metav1.SetMetaDataAnnotation(standing, key, value)
	}
}

func isTrue(conditions []Condition, kind string) bool {
	for _, condition := range conditions {
		if condition.Type == kind {
			return condition.Status == corev1.ConditionTrue
		}
	}
	return false
}

// ofComponent tells whose door a component's Service concerns.
func ofComponent(_ context.Context, object client.Object) []reconcile.Request {
	name := object.GetLabels()[serviceLabel]
	if name == "" || metav1.GetControllerOf(object) != nil {
		return nil
	}
	return []reconcile.Request{{NamespacedName: types.NamespacedName{Namespace: object.GetNamespace(), Name: name}}}
}

func main() {
	flag.Parse()
	ctrl.SetLogger(zap.New())
	logger := ctrl.Log.WithName("setup")
	if err := run(); err != nil {
		logger.Error(err, "the controller ended")
		os.Exit(1)
	}
}

func run() error {
	scheme := runtime.NewScheme()
	utilruntime.Must(clientgoscheme.AddToScheme(scheme))
	utilruntime.Must(schemeBuilder.AddToScheme(scheme))
	config := ctrl.GetConfigOrDie()
	config.QPS = -1
	manager, err := ctrl.NewManager(config, ctrl.Options{
		Scheme:  scheme,
		Cache:   cache.Options{DefaultTransform: cache.TransformStripManagedFields()},
		Metrics: metricsserver.Options{BindAddress: "127.0.0.1:0"},
	})
	if err != nil {
		return err
	}
	err = ctrl.NewControllerManagedBy(manager).
		For(&InferenceService{}).
		Owns(&networkingv1.Ingress{}).
		Owns(&corev1.Service{}).
		Watches(&corev1.Service{}, handler.EnqueueRequestsFromMapFunc(ofComponent)).
		WithOptions(controller.Options{MaxConcurrentReconciles: *workers}).
		Complete(&Reconciler{manager.GetClient()})
	if err != nil {
		return err
	}
	return manager.Start(ctrl.SetupSignalHandler())
}
