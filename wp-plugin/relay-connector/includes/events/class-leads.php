<?php
/**
 * Form entries.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Events;

use Relay_Connector\Events\Forms\Bricks;
use Relay_Connector\Events\Forms\Contact_Form_7;
use Relay_Connector\Events\Forms\Divi;
use Relay_Connector\Events\Forms\Elementor_Pro;
use Relay_Connector\Events\Forms\Everest_Forms;
use Relay_Connector\Events\Forms\Fluent_Forms;
use Relay_Connector\Events\Forms\Form_Plugin;
use Relay_Connector\Events\Forms\Formidable;
use Relay_Connector\Events\Forms\Forminator;
use Relay_Connector\Events\Forms\Gravity_Forms;
use Relay_Connector\Events\Forms\Jetpack_Forms;
use Relay_Connector\Events\Forms\Kadence_Blocks;
use Relay_Connector\Events\Forms\Mailpoet;
use Relay_Connector\Events\Forms\Metform;
use Relay_Connector\Events\Forms\Ninja_Forms;
use Relay_Connector\Events\Forms\Other_Forms;
use Relay_Connector\Events\Forms\Sureforms;
use Relay_Connector\Events\Forms\Wpforms;
use Relay_Connector\Events\Forms\Ws_Form;
use Relay_Connector\Sending\Envelope;

defined( 'ABSPATH' ) || exit;

/**
 * Sends each entry once, for all supported form plugins. Several of them do not store entries, so the body is built at
 * once. It is deleted from the outbox when the gateway has accepted it.
 */
final class Leads extends Base_Source {

	const TYPE  = 'lead.created';
	const SLUG  = 'leads';
	const FILES = 'files';

	/**
	 * The supported form plugins. Add a new one here; those that an admin switches on with their short names as keys.
	 */
	const FORM_PLUGINS = array(
		Contact_Form_7::class,
		Wpforms::class,
		Gravity_Forms::class,
		Ninja_Forms::class,
		Fluent_Forms::class,
		Formidable::class,
		Elementor_Pro::class,
		'jetpack'        => Jetpack_Forms::class,
		'forminator'     => Forminator::class,
		'sureforms'      => Sureforms::class,
		'ws-form'        => Ws_Form::class,
		'everest-forms'  => Everest_Forms::class,
		'metform'        => Metform::class,
		'mailpoet'       => Mailpoet::class,
		'kadence-blocks' => Kadence_Blocks::class,
		'divi'           => Divi::class,
		'bricks'         => Bricks::class,
		Other_Forms::class,
	);

	/**
	 * The form plugins by class, created on first use.
	 *
	 * @var Form_Plugin[]
	 */
	private $plugins = array();

	/**
	 * The short name.
	 *
	 * @return string
	 */
	public function slug() {
		return self::SLUG;
	}

	/**
	 * The name on the settings page.
	 *
	 * @return string
	 */
	public function label() {
		return __( 'Form entries', 'relay-connector' );
	}

	/**
	 * The help text: what is sent and when.
	 *
	 * @return string
	 */
	public function help() {
		return __( 'An entry is sent once, when the form is accepted, even if the form\'s own e-mail fails. Spam, drafts and previews are never sent, nor are passwords and payment cards. Of an uploaded file, only a link is sent.', 'relay-connector' );
	}

	/**
	 * What can be switched off for all forms. Each form has a page with its own fields.
	 *
	 * @return string[]
	 */
	public function optional_fields() {
		return array( self::FILES => __( 'Links to uploaded files', 'relay-connector' ) );
	}

	/**
	 * Supported form plugins that are not active.
	 *
	 * @return string[]
	 */
	public function missing() {
		$names = array();
		foreach ( $this->plugins() as $plugin ) {
			if ( ! $plugin->is_active() && $plugin->can_be_missing() ) {
				$names[] = $plugin->name();
			}
		}
		return $names;
	}

	/**
	 * All supported form plugins, active or not.
	 *
	 * @return Form_Plugin[]
	 */
	public function plugins() {
		return array_map( array( $this, 'create' ), array_values( self::FORM_PLUGINS ) );
	}

	/**
	 * Listens to every form plugin that is not switched off. Whether one is active shows when its hooks fire.
	 */
	public function add_hooks() {
		foreach ( self::FORM_PLUGINS as $slug => $class ) {
			if ( is_int( $slug ) || $this->choices->sends_plugin( $slug, false ) ) {
				$this->create( $class )->add_hooks();
			}
		}
	}

	/**
	 * A form plugin.
	 *
	 * @param string $class Its class.
	 * @return Form_Plugin
	 */
	private function create( $class ) {
		if ( ! isset( $this->plugins[ $class ] ) ) {
			$this->plugins[ $class ] = new $class( $this );
		}
		return $this->plugins[ $class ];
	}

	/**
	 * Whether events of a type come from this source.
	 *
	 * @param string $type The event type.
	 * @return bool
	 */
	public function handles( $type ) {
		return self::TYPE === $type;
	}

	/**
	 * Records an entry.
	 *
	 * @param Form_Plugin $plugin The form plugin.
	 * @param callable    $read   Returns the entry as a Form_Entry, or null if it must not be sent.
	 */
	public function record_entry( Form_Plugin $plugin, callable $read ) {
		$this->run_safely(
			function () use ( $plugin, $read ) {
				if ( ! $this->sends_plugin( $plugin ) ) {
					return;
				}
				$entry = $read();
				if ( $entry instanceof Form_Entry && $this->choices->sends_form( $plugin->slug() . ':' . $entry->form_id ) ) {
					$this->record( $plugin, $entry );
				}
			}
		);
	}

	/**
	 * Whether entries of a form plugin are sent at all.
	 *
	 * @param Form_Plugin $plugin The form plugin.
	 * @return bool
	 */
	public function sends_plugin( Form_Plugin $plugin ) {
		return $this->choices->sends_plugin( $plugin->slug(), $plugin->is_on_by_default() );
	}

	/**
	 * Checks that entries of the form are still sent.
	 *
	 * @param object $row The row.
	 * @throws Event_Withdrawn If it is not.
	 */
	public function check( $row ) {
		parent::check( $row );
		list( $slug, $form_id ) = self::form_of( $row );
		$plugin                 = $this->plugin( $slug );
		if ( ! $this->choices->sends_form( $slug . ':' . $form_id ) || ( $plugin && ! $this->sends_plugin( $plugin ) ) ) {
			throw new Event_Withdrawn( esc_html__( 'Not sent, because entries of this form were turned off under Settings → Relay.', 'relay-connector' ) );
		}
	}

	/**
	 * The body was built when the entry was recorded. Without it the values are unknown.
	 *
	 * @param object $row The row.
	 * @return array
	 * @throws Event_Withdrawn Always.
	 */
	public function data( $row ) {
		throw new Event_Withdrawn( esc_html__( 'Not sent, because the entry is no longer stored on this site.', 'relay-connector' ) );
	}

	/**
	 * The display name of an entry: its form, without any value.
	 *
	 * @param object $row The row.
	 * @return array With label and url.
	 */
	public function describe( $row ) {
		list( $slug, $form_id ) = self::form_of( $row );
		$plugin                 = $this->plugin( $slug );
		if ( ! $plugin ) {
			return array(
				'label' => __( 'Form entry', 'relay-connector' ),
				'url'   => '',
			);
		}
		return array(
			/* translators: 1: title of a form, 2: name of a form plugin. */
			'label' => sprintf( __( 'Entry of “%1$s” (%2$s)', 'relay-connector' ), $plugin->title_of( $form_id ), $plugin->name() ),
			'url'   => $plugin->is_active() && $row->object_id ? $plugin->entry_url( $form_id, (int) $row->object_id ) : '',
		);
	}

	/**
	 * The form plugin with a short name.
	 *
	 * @param string $slug The short name.
	 * @return Form_Plugin|null
	 */
	private function plugin( $slug ) {
		foreach ( $this->plugins() as $plugin ) {
			if ( $plugin->slug() === $slug ) {
				return $plugin;
			}
		}
		return null;
	}

	/**
	 * Builds the body of an entry and adds it to the outbox. An entry with an id is recorded once, even if its plugin
	 * fires the hook several times.
	 *
	 * @param Form_Plugin $plugin The form plugin.
	 * @param Form_Entry  $entry  The entry.
	 * @throws \RuntimeException If another plugin has added something that is not data.
	 */
	private function record( Form_Plugin $plugin, Form_Entry $entry ) {
		$form   = $plugin->slug() . ':' . $entry->form_id;
		$fields = new Lead_Fields( $entry->fields, $this->choices, $form );
		$page   = new Page_Address( $entry->page_url );
		$data   = array(
			'form'       => array(
				'plugin' => $plugin->slug(),
				'id'     => $entry->form_id,
				'title'  => Plain_Text::from_title( $entry->title ),
			),
			'fields'     => $fields->values,
			'types'      => $fields->types,
			'parts'      => $fields->parts,
			'entry_id'   => $entry->entry_id,
			'page_url'   => $page->url,
			'utm'        => $page->utm(),
			'consent'    => $fields->consent,
			'shortened'  => $fields->shortened,
			'left_out'   => $fields->left_out,
			'created_at' => Text::timestamp( time() ),
		);
		foreach ( array( 'types', 'parts', 'entry_id', 'page_url', 'utm', 'shortened', 'left_out' ) as $optional ) {
			if ( ! $data[ $optional ] ) {
				unset( $data[ $optional ] );
			}
		}
		if ( null === $data['consent'] ) {
			unset( $data['consent'] );
		}
		/** This filter is documented in includes/sending/class-outbox-runner.php */
		$data = (array) apply_filters( 'relay_connector_event_data', $data, self::TYPE, $entry->entry_id );
		// An empty map, or one with numeric labels, would otherwise become a JSON list.
		$data['fields'] = isset( $data['fields'] ) ? (object) $data['fields'] : new \stdClass();
		foreach ( array( 'types', 'parts' ) as $map ) {
			if ( isset( $data[ $map ] ) ) {
				$data[ $map ] = (object) $data[ $map ];
			}
		}
		$event_id       = 'wp-' . wp_generate_uuid4();
		$body           = Envelope::encode( self::TYPE, $event_id, $data );
		if ( '' === $body ) {
			throw new \RuntimeException( esc_html__( 'an entry could not be encoded as JSON', 'relay-connector' ) );
		}
		$number = $entry->entry_id ? (string) $entry->entry_id : $event_id;
		$this->outbox->add_entry( self::TYPE, $event_id, $body, self::TYPE . ':' . $form . ':' . $number, $entry->entry_id );
	}

	/**
	 * The form of a row.
	 *
	 * @param object $row The row.
	 * @return string[] The form plugin's short name and the form's id.
	 */
	private static function form_of( $row ) {
		$parts = explode( ':', (string) $row->dedupe_key );
		return array( isset( $parts[1] ) ? $parts[1] : '', isset( $parts[2] ) ? $parts[2] : '' );
	}
}
