<?php
/**
 * Forms of plugins that are not supported.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Events\Forms;

use Relay_Connector\Events\Field_Types;
use Relay_Connector\Events\Form_Entry;
use Relay_Connector\Events\Form_Field;
use Relay_Connector\Events\Plain_Text;
use Relay_Connector\Listening\Form_Sources;
use Relay_Connector\Listening\Place;
use Relay_Connector\Listening\Secret_Values;

defined( 'ABSPATH' ) || exit;

/**
 * Two ways: forms that an admin has added after the plugin found the hook of their entries, and entries that a theme or
 * another plugin passes to relay_connector_send_lead, as a function or an action.
 */
final class Other_Forms extends Form_Plugin {

	const SLUG = 'other';
	const HOOK = 'relay_connector_send_lead';

	/**
	 * The instance that the function uses.
	 *
	 * @var Other_Forms|null
	 */
	private static $active = null;

	/**
	 * The entries that this request has passed, by form and values. Some plugins fire a hook twice.
	 *
	 * @var bool[]
	 */
	private $passed = array();

	/**
	 * The instance that the function uses.
	 *
	 * @return Other_Forms|null Null before the plugin is loaded.
	 */
	public static function active() {
		return self::$active;
	}

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
	public function name() {
		return __( 'Own forms', 'relay-connector' );
	}

	/**
	 * Whether an admin has added a form.
	 *
	 * @return bool
	 */
	public function is_active() {
		return (bool) Form_Sources::all();
	}

	/**
	 * It is not a plugin that could be missing.
	 *
	 * @return bool
	 */
	public function can_be_missing() {
		return false;
	}

	/**
	 * Listens to the action of this plugin and to the hooks of the added forms.
	 */
	public function add_hooks() {
		self::$active = $this;
		add_action( self::HOOK, array( $this, 'send' ), 10, 2 );
		foreach ( Form_Sources::all() as $id => $form ) {
			if ( isset( $form['hook'], $form['args'] ) ) {
				add_action(
					$form['hook'],
					function ( ...$arguments ) use ( $id, $form ) {
						$this->on_hook( (string) $id, $form, $arguments );
					},
					20,
					(int) $form['args']
				);
			}
		}
	}

	/**
	 * Records an entry that a theme or another plugin passes.
	 *
	 * @param array $fields Values by label: texts, or lists of texts.
	 * @param array $form   With title, and optionally id, types (email, tel, name … by label), entry_id and page_url.
	 */
	public function send( $fields = array(), $form = array() ) {
		$this->record_entry(
			function () use ( $fields, $form ) {
				if ( ! is_array( $fields ) || ! array_filter( $fields ) ) {
					return null;
				}
				$form            = is_array( $form ) ? $form : array( 'title' => $form );
				$title           = isset( $form['title'] ) && is_scalar( $form['title'] ) ? (string) $form['title'] : '';
				$id              = isset( $form['id'] ) && is_scalar( $form['id'] ) ? (string) $form['id'] : sanitize_title( $title );
				$entry           = new Form_Entry( '' === $id ? 'form' : $id, '' === $title ? $id : $title, isset( $form['entry_id'] ) && is_numeric( $form['entry_id'] ) ? (int) $form['entry_id'] : 0 );
				$entry->page_url = isset( $form['page_url'] ) && is_string( $form['page_url'] ) ? $form['page_url'] : '';
				foreach ( $fields as $label => $value ) {
					if ( ! Secret_Values::is_secret_name( $label ) && ! self::is_card_or_account( $value ) ) {
						$kind            = isset( $form['types'][ $label ] ) ? (string) $form['types'][ $label ] : '';
						$field           = $this->field( (string) $label, (string) $label, $kind, $value );
						$field->format   = Plain_Text::TYPED;
						$entry->fields[] = $field;
					}
				}
				return $entry;
			}
		);
	}

	/**
	 * Its forms.
	 *
	 * @return string[] Titles by id.
	 */
	public function forms() {
		return wp_list_pluck( Form_Sources::all(), 'title' );
	}

	/**
	 * The fields of a form.
	 *
	 * @param int|string $form_id The form's id.
	 * @return Form_Field[]
	 */
	public function fields( $form_id ) {
		$forms  = Form_Sources::all();
		$fields = array();
		foreach ( isset( $forms[ $form_id ]['fields'] ) ? (array) $forms[ $form_id ]['fields'] : array() as $field ) {
			$fields[] = $this->field( implode( '.', $field['place'] ), $field['label'], $field['kind'], '' );
		}
		return $fields;
	}

	/**
	 * A hook of an added form has fired.
	 *
	 * @param string $id        The form's id.
	 * @param array  $form      The form.
	 * @param array  $arguments The arguments of the hook.
	 */
	private function on_hook( $id, array $form, array $arguments ) {
		$this->record_entry(
			function () use ( $id, $form, $arguments ) {
				if ( ! empty( $form['form_id'] ) && (string) $form['form_id']['value'] !== self::text( Place::value( $form['form_id']['place'], $arguments ) ) ) {
					return null;
				}
				$entry = new Form_Entry( $id, (string) $form['title'] );
				$seen  = array();
				foreach ( (array) $form['fields'] as $field ) {
					$value = Place::value( (array) $field['place'], $arguments );
					if ( self::is_card_or_account( $value ) ) {
						continue;
					}
					if ( null !== $value || Field_Types::CONSENT === $field['kind'] ) {
						$value           = ! empty( $form['is_slashed'] ) ? wp_unslash( $value ) : $value;
						$entry->fields[] = $this->field( implode( '.', (array) $field['place'] ), $field['label'], $field['kind'], $value );
						$seen[]          = $value;
					}
				}
				$key = $id . ':' . md5( (string) wp_json_encode( $seen ) );
				if ( ! array_filter( $seen ) || isset( $this->passed[ $key ] ) ) {
					return null;
				}
				$this->passed[ $key ] = true;
				return $entry;
			}
		);
	}

	/**
	 * A field.
	 *
	 * @param string $key   Its id.
	 * @param string $label Its label.
	 * @param string $kind  Its kind; if it is none, the label says what the field is.
	 * @param mixed  $value Its value.
	 * @return Form_Field
	 */
	private function field( $key, $label, $kind, $value ) {
		$is_known     = in_array( $kind, Form_Sources::KINDS, true );
		$read         = new Form_Field( $key, $label, Field_Types::CONSENT === $kind ? 'consent' : 'text', $value );
		$read->kind   = $is_known ? $kind : Field_Types::kind( 'text', str_replace( ' ', '-', $label ) );
		$read->format = Plain_Text::SANITIZED;
		if ( ! $is_known && is_array( $value ) ) {
			$read->kind = Field_Types::CHOICES;
		}
		return $read;
	}

	/**
	 * Whether a value is the number of a payment card or of a bank account. Someone may enter it into any field.
	 *
	 * @param mixed $value The value.
	 * @return bool
	 */
	private static function is_card_or_account( $value ) {
		return is_scalar( $value ) && ! is_bool( $value ) && Secret_Values::is_secret_value( (string) $value );
	}

	/**
	 * A value as text.
	 *
	 * @param mixed $value The value.
	 * @return string
	 */
	private static function text( $value ) {
		return is_scalar( $value ) ? (string) $value : '';
	}
}
